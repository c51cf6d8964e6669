import { createContext, useContext } from "react";
import type { ServerSession } from "./api/types";

export const SessionContext = createContext<ServerSession>({ read_only: true, version: "", folder: "", workflows_folder: "" });

/** Whether nothing may be changed here. */
export function useReadOnly(): boolean {
  return useContext(SessionContext).read_only;
}

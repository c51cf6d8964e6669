import { createContext, useContext } from "react";
import type { Session } from "./sign_in";

export const SessionContext = createContext<Session>({ read_only: true, version: "", folder: "" });

/** Whether nothing may be changed here. */
export function useReadOnly(): boolean {
  return useContext(SessionContext).read_only;
}

import { useEffect, useState } from "react";
import { ApiError, apiPath, get, send } from "../../api/client";
import type { CheckedText } from "../../api/types";

const PAUSE_MS = 300;

interface Found {
  /** What is to be said about the text; null until that is known. */
  checked: CheckedText | null;
  /** The same of the last text that was a workflow: it stays while something is half typed. */
  usable: CheckedText | null;
  fault: ApiError | null;
}

/** What the loader says about a text, a moment after it was typed; where nothing can be typed, about the file. */
export function useChecked(file: string, text: string, isReadOnly: boolean): Found {
  const [found, setFound] = useState<Found>({ checked: null, usable: null, fault: null });
  useEffect(() => {
    let isGone = false;
    const ask = (): Promise<CheckedText> =>
      isReadOnly ? get<CheckedText>(apiPath(["workflows", file, "check"])) : send<CheckedText>("POST", "/api/workflows/check", { text, name: file });
    const timer = setTimeout(() => {
      ask().then(
        (checked) => !isGone && setFound((before) => ({ checked, usable: checked.graph === null ? before.usable : checked, fault: null })),
        (error: unknown) => !isGone && setFound((before) => ({ ...before, fault: error instanceof ApiError ? error : new ApiError(0, String(error)) })),
      );
    }, PAUSE_MS);
    return () => {
      isGone = true;
      clearTimeout(timer);
    };
  }, [text, file, isReadOnly]);
  return found;
}

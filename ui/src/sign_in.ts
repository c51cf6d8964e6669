import { useEffect, useState } from "react";
import { ApiError, get, send } from "./api/client";

export interface Session {
  read_only: boolean;
  version: string;
  folder: string;
}

interface State {
  isBusy: boolean;
  session: Session | null;
  fault: string | null;
}

const TRY = "binex-sign-in";
let token: string | null = takeToken();

/** The token that stands in the address, which is taken out of it, and out of the history, at once. */
function takeToken(): string | null {
  const found = /^#(?:token=)?([A-Za-z0-9_-]{16,})$/.exec(window.location.hash)?.[1] ?? null;
  if (found !== null) history.replaceState(null, "", `${window.location.pathname}#/`);
  return found;
}

/** Sign in with *given*; the state of the page follows. */
export async function signIn(given: string): Promise<void> {
  token = given;
  window.dispatchEvent(new Event(TRY));
}

export function useSignIn(): State {
  const [state, setState] = useState<State>({ isBusy: true, session: null, fault: null });
  useEffect(() => {
    let isGone = false;
    async function attempt(): Promise<void> {
      const given = token;
      token = null;
      try {
        if (given !== null) await send("POST", "/api/login", { token: given });
        const session = await get<Session>("/api/session");
        if (!isGone) setState({ isBusy: false, session, fault: null });
      } catch (error) {
        if (!isGone) setState({ isBusy: false, session: null, fault: faultOf(error, given !== null) });
      }
    }
    function signedOut(): void {
      setState((before) => (before.session === null ? before : { isBusy: false, session: null, fault: "You are signed out: the server was started again." }));
    }
    function tryAgain(): void {
      void attempt();
    }
    function tokenCame(): void {
      token = takeToken() ?? token;
      if (token !== null) void attempt();
    }
    void attempt();
    window.addEventListener(TRY, tryAgain);
    window.addEventListener("hashchange", tokenCame);
    window.addEventListener("binex-signed-out", signedOut);
    return () => {
      isGone = true;
      window.removeEventListener(TRY, tryAgain);
      window.removeEventListener("hashchange", tokenCame);
      window.removeEventListener("binex-signed-out", signedOut);
    };
  }, []);
  return state;
}

function faultOf(error: unknown, hadToken: boolean): string | null {
  if (!(error instanceof ApiError)) return String(error);
  if (error.status !== 401) return error.message;
  return hadToken ? "That is not the token of this server." : null;
}

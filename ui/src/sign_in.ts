import { useEffect, useState } from "react";
import { ApiError, get, send } from "./api/client";
import type { ServerSession } from "./api/types";

interface State {
  isBusy: boolean;
  session: ServerSession | null;
  fault: string | null;
}

const TRY = "binex-sign-in";
let token: string | null = takeToken();

/** The token that stands in the address, which is taken out of it, and out of the history, at once. */
function takeToken(): string | null {
  const found = tokenIn(window.location.hash);
  if (found !== null) history.replaceState(null, "", `${window.location.pathname}#/`);
  return found;
}

function tokenIn(address: string): string | null {
  const found = /#token=([^#\s]+)$/.exec(address)?.[1] ?? /^#([A-Za-z0-9_-]{16,})$/.exec(address)?.[1];
  try {
    return found === undefined ? null : decodeURIComponent(found);
  } catch {
    return null;
  }
}

/** Sign in with what somebody has typed: the token, or the address that it stands in; the state of the page follows. */
export function signIn(typed: string): void {
  token = tokenIn(typed) ?? typed;
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
        const session = await get<ServerSession>("/api/session");
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

import { useState } from "react";
import { signIn, useSignIn } from "./sign_in";
import { Shell } from "./shell";
import { Loading } from "./parts/states";

/** The page: signed in by the token in its address, or asking for one. */
export function App() {
  const state = useSignIn();
  if (state.isBusy) {
    return (
      <main className="alone">
        <Loading what="Opening" />
      </main>
    );
  }
  return state.session === null ? <AskForToken fault={state.fault} /> : <Shell session={state.session} />;
}

function AskForToken({ fault }: { fault: string | null }) {
  const [token, setToken] = useState("");
  return (
    <main className="alone">
      <h1>Binex</h1>
      <p>
        This page shows what is recorded on this machine, to whoever has its token. Open the whole address that{" "}
        <code>binex ui</code> has printed, or paste the token that stands behind its <code>#</code>.
      </p>
      {fault !== null && (
        <p className="fault" role="alert">
          {fault}
        </p>
      )}
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          signIn(token.trim());
        }}
      >
        <label className="grow">
          <span className="label">Token</span>
          <input type="password" autoComplete="off" required value={token} onChange={(event) => setToken(event.target.value)} />
        </label>
        <button type="submit" className="button primary">
          Open
        </button>
      </form>
    </main>
  );
}

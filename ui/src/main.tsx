import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { readTheme, showTheme } from "./lib/theme";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/shell.css";
import "./styles/runs.css";
import "./styles/run.css";

showTheme(readTheme());
const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}

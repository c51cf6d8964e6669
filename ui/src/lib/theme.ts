import { useState } from "react";

export type Theme = "system" | "light" | "dark";
const KEY = "binex-theme";
const ORDER: readonly Theme[] = ["system", "light", "dark"];

export function readTheme(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system";
  }
}

export function showTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState(readTheme);
  function next(): void {
    const chosen = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? "system";
    showTheme(chosen);
    setTheme(chosen);
    try {
      localStorage.setItem(KEY, chosen);
    } catch {
      // Without storage the choice holds until the page is closed.
    }
  }
  return [theme, next];
}

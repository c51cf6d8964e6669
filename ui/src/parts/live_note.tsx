import { useConnection } from "../api/connection";
import { Icon } from "./icon";

/** Whether what is shown follows what happens. */
export function LiveNote() {
  const isConnected = useConnection();
  return (
    <span className={`live-note ${isConnected ? "" : "off"}`}>
      <Icon name={isConnected ? "live" : "warn"} size={14} /> {isConnected ? "live" : "not connected"}
    </span>
  );
}

import { Component, type ReactNode } from "react";
import { ApiError } from "./api/client";
import { Fault } from "./parts/states";

/** Keeps a fault of one view from taking the whole page with it. */
export class Boundary extends Component<{ children: ReactNode }, { fault: Error | null }> {
  override state: { fault: Error | null } = { fault: null };

  static getDerivedStateFromError(fault: Error): { fault: Error } {
    return { fault };
  }

  override render(): ReactNode {
    const { fault } = this.state;
    if (fault === null) return this.props.children;
    const error = new ApiError(0, `This view cannot be drawn: ${fault.message}`, "Reload the page; if it happens again, please report it.");
    return <Fault error={error} retry={() => this.setState({ fault: null })} />;
  }
}

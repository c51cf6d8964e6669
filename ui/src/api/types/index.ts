// Written by scripts/write_types.py from the models; not by hand.

export * from "./json";
export * from "./runs";
export * from "./events";
export * from "./tasks";
export * from "./graph";
export * from "./artifacts";
export * from "./differences";
export * from "./figures";
export * from "./workflows";
export * from "./session";

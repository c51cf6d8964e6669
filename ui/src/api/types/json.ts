// Written by scripts/write_types.py from the models; not by hand.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * The path below which the server stands, without a slash at its end; empty for none. A proxy may show it below a
 * path of its own, so scripts ask where they came from: each lies in `/-/static/<digest>/`.
 */
export const BASE = new URL("../../..", import.meta.url).pathname.replace(/\/$/, "");

/** How long a connection may take to come about. */
export const CONNECT_TIMEOUT_MS = 2_000;

/** How many pages are fetched at the same time. */
export const PARALLEL = 4;

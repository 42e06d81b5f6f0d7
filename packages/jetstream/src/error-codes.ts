/** JetStream's `err_code`s. */
export const ERROR_CODES = {
  /** "maximum bytes exceeded" / "maximum messages exceeded". */
  streamFull: [10077, 10047],
  /** "message size exceeds maximum allowed", from the server or the client. */
  tooLarge: 10054,
  /** "duplicate message id is in process": the first one's write has not finished. */
  duplicateInProcess: 10158,
  streamNotFound: 10059,
  consumerNotFound: 10014,
} as const;

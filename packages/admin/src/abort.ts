/** True for an error that says no more than that work was called off, itself or by its cause. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || isAbort(error.cause));
}

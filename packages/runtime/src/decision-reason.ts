/** What the sealed reason of a decision at an `approve` step is bound to. */
export const decisionReasonContext = (runId: string, position: number | string): string =>
  `decision:${runId}:${position}`;

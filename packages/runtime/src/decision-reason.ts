/** Sealing context of the reason of a decision at an `approve` step. */
export const decisionReasonContext = (runId: string, position: number | string): string =>
  `decision:${runId}:${position}`;

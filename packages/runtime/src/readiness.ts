/** Why a service is not ready; empty if it is. Texts are ours, never an error's message. */
export type Readiness = () => string[];

export interface ReadinessBoard<Part extends string> {
  faults: Readiness;
  follow: (part: Part, faults: Readiness) => void;
}

/** Each part has the given fault until it is opened. */
export function createReadiness<Part extends string>(unopened: Readonly<Record<Part, string>>): ReadinessBoard<Part> {
  const parts = new Map<string, Readiness>(
    Object.entries<string>(unopened).map(([part, fault]) => [part, () => [fault]]),
  );
  return {
    faults: () => [...parts.values()].flatMap((faults) => faults()),
    follow: (part, faults) => void parts.set(part, faults),
  };
}

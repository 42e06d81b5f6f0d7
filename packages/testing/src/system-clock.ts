export interface SystemClock extends Disposable {
  step: (ms: number) => void;
}

/** Sets `Date` back or forth until disposed; timers and `performance.now()` go on. */
export function takeSystemClock(): SystemClock {
  const system = globalThis.Date;
  let offsetMs = 0;
  const now = (): number => system.now() + offsetMs;
  globalThis.Date = new Proxy(system, {
    construct: (target, given) => Reflect.construct(target, given.length === 0 ? [now()] : given),
    get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
  });
  return {
    step: (ms) => {
      offsetMs += ms;
    },
    [Symbol.dispose]: () => {
      globalThis.Date = system;
    },
  };
}

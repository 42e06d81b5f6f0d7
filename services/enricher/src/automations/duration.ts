/** 30 days, as long as events are kept by default. */
export const LONGEST_DELAY_MS = 2_592_000_000;

const UNIT_MS = { w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;
const SHORT =
  /^(?:(\d{1,10})w)?(?:(\d{1,10})d)?(?:(\d{1,10})h)?(?:(\d{1,10})m(?!s))?(?:(\d{1,10})s)?(?:(\d{1,10})ms)?$/;
/** ISO 8601 without years and months, whose lengths differ. */
const ISO = /^P(?:(\d{1,10})W)?(?:(\d{1,10})D)?(?:T(?=\d)(?:(\d{1,10})H)?(?:(\d{1,10})M)?(?:(\d{1,10})S)?)?$/;

/** `1h30m`, `10m` or `PT1H30M`, in ms; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const counts = (SHORT.exec(text) ?? ISO.exec(text))?.slice(1);
  if (counts === undefined || counts.every((count) => count === undefined)) return undefined;
  return Object.values(UNIT_MS).reduce((sum, unitMs, index) => sum + Number(counts[index] ?? 0) * unitMs, 0);
}

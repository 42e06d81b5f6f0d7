export interface Finding {
  about: string;
  /** `bad` needs someone now, `look` sometime. */
  state: 'good' | 'look' | 'bad';
  says: string;
  remedy?: string;
}

const DAY_SECONDS = 86_400;
const MOST_FILL = 0.8;
const CLOCK_SECONDS = 5;
const OLD_DAYS = 90;
const WAITING_SECONDS = 300;
const MIN_DAYS_AHEAD = 2;

const finding = (about: string, state: Finding['state'], says: string, remedy?: string): Finding => ({
  ...{ about, state, says },
  ...(remedy === undefined ? {} : { remedy }),
});

/** Undefined if the server does not answer for it. */
export function ofStream(name: string, stream: { bytes: number; maxBytes: number } | undefined): Finding {
  const about = `stream ${name}`;
  if (stream === undefined) return finding(about, 'bad', 'is missing, or has no leader', 'pressferry streams apply');
  if (stream.maxBytes <= 0) return finding(about, 'good', `${stream.bytes} bytes, without a bound`);
  const fill = stream.bytes / stream.maxBytes;
  const says = `${Math.round(fill * 100)} % of ${stream.maxBytes} bytes`;
  return fill > MOST_FILL
    ? finding(about, 'look', says, 'docs/runbooks/PressferryStreamFilling.md')
    : finding(about, 'good', says);
}

/** Its backlog and the age of the oldest message; undefined if the server does not answer for it. */
export function ofConsumer(name: string, backlog: { pending: number; oldestSeconds: number } | undefined): Finding {
  const about = `consumer ${name}`;
  if (backlog === undefined) return finding(about, 'bad', 'is missing, or has no leader', 'pressferry streams apply');
  const says = `${backlog.pending} waiting, the oldest for ${Math.round(backlog.oldestSeconds)} s`;
  return backlog.oldestSeconds > WAITING_SECONDS
    ? finding(about, 'bad', says, 'docs/runbooks/PressferryEventsWaiting.md')
    : finding(about, 'good', says);
}

/** Postgres' clock against ours, in seconds. */
export function ofClock(apartSeconds: number): Finding {
  const says = `${Math.abs(apartSeconds).toFixed(1)} s apart from that of Postgres`;
  return Math.abs(apartSeconds) > CLOCK_SECONDS
    ? finding('clock', 'bad', says, 'set it by NTP: signatures and tokens are refused for their time')
    : finding('clock', 'good', says);
}

export const ofSchema = (missing: readonly string[]): Finding =>
  missing.length === 0
    ? finding('database schema', 'good', 'is that of this release')
    : finding('database schema', 'bad', `lacks ${missing.join(', ')}`, 'pressferry migrate');

export const ofDays = (ahead: number): Finding =>
  ahead >= MIN_DAYS_AHEAD
    ? finding('days ahead', 'good', `${ahead} have their partitions`)
    : finding(
        'days ahead',
        'look',
        `${Math.max(0, ahead)} have their partitions`,
        'docs/runbooks/PressferryDaysAheadFew.md',
      );

/** `same`: how many published sites are as registered; undefined if the bucket is missing or not filled. */
export function ofRegistry(registered: number, published: { sites: number; same: number } | undefined): Finding {
  const remedy = 'pressferry sites publish';
  if (published === undefined)
    return finding('registry', 'bad', 'the bucket of sites is missing, or not filled', remedy);
  const says = `${registered} sites registered, ${published.sites} published, ${published.same} of them the same`;
  const isSame = registered === published.sites && registered === published.same;
  return isSame ? finding('registry', 'good', says) : finding('registry', 'bad', says, remedy);
}

/** Sites whose newest secret or key is too old. */
export const ofAges = (old: readonly { siteId: string; seconds: number }[]): Finding =>
  old.length === 0
    ? finding('keys', 'good', `none is older than ${OLD_DAYS} days`)
    : finding(
        'keys',
        'look',
        old.map(({ siteId, seconds }) => `${siteId}: ${Math.floor(seconds / DAY_SECONDS)} days`).join(', '),
        'rotate them: docs/operations.md',
      );

export const ofLetters = (count: number): Finding =>
  count === 0
    ? finding('dead letters', 'good', 'none')
    : finding('dead letters', 'look', `${count}`, 'pressferry dead list');

/** For a dependency that did not answer. */
export const silent = (about: string, says: string, remedy: string): Finding => finding(about, 'bad', says, remedy);

export const OLD_SECONDS = OLD_DAYS * DAY_SECONDS;

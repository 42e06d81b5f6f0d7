import { createPublicKey, hash } from 'node:crypto';
import {
  type Effective,
  type EndpointHealth,
  type Heartbeat,
  isLive,
  type Remains,
  type StoredKey,
  type StoredSite,
} from '@pressferry/registry';
import type { Unusable } from '@pressferry/sites';

/** Without the key itself. */
export const keyOf = (key: StoredKey) => ({
  kid: key.kid,
  algorithm: key.algorithm,
  fingerprint: fingerprintOf(key),
  added_at: key.createdAt,
  expires_at: key.expiresAt,
  is_live: isLive(key),
});

/** Without the secret itself. */
export const secretOf = ({ secretId, createdAt, expiresAt, sealed }: StoredSite['secrets'][number]) => ({
  secret_id: secretId,
  added_at: createdAt,
  expires_at: expiresAt,
  is_live: isLive({ expiresAt }),
  sealed_under: sealed.split('.')[1] ?? null,
});

/** As `openssl pkey -pubin -outform der | sha256sum` and ssh write it; null for a secret or an invalid key. */
function fingerprintOf({ algorithm, material }: StoredKey): string | null {
  if (algorithm === 'HS256') return null;
  try {
    const der = createPublicKey(material).export({ format: 'der', type: 'spki' });
    return `SHA256:${hash('sha256', der, 'base64').replaceAll('=', '')}`;
  } catch {
    return null;
  }
}

export type Shown = Record<'site_id' | 'status' | 'issuer' | 'audience' | 'published', string> & {
  registered_at: Date;
  callback_url: string | null;
  callback_stopped_at: Date | null;
  endpoint: EndpointHealth | null;
  heartbeat: Heartbeat | null;
  keys: ReturnType<typeof keyOf>[];
  secrets: ReturnType<typeof secretOf>[];
  settings: Effective[];
  labels: Readonly<Record<string, string>>;
  unusable: Unusable[];
  waiting: Remains;
};

const row = (name: string, value: string): string => `  ${name.padEnd(22)} ${value}`;
const at = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`;
const endOf = ({ expires_at, is_live }: { expires_at: Date | null; is_live: boolean }): string => {
  if (expires_at === null) return 'no end';
  return `${is_live ? 'ends' : 'ended'} ${at(expires_at)}`;
};

export const keyLine = (key: ReturnType<typeof keyOf>): string =>
  row(`key ${key.kid}`, `${key.algorithm}, ${endOf(key)}, ${key.fingerprint ?? 'a shared secret'}`);
export const secretLine = (secret: ReturnType<typeof secretOf>): string =>
  row(
    `secret ${secret.secret_id.slice(0, 8)}`,
    `added ${at(secret.added_at)}, ${endOf(secret)}, sealed under ${secret.sealed_under}`,
  );

export function linesOf(shown: Shown): string[] {
  const { waiting, endpoint } = shown;
  return [
    `${shown.site_id} is ${shown.status}, registered ${at(shown.registered_at)}`,
    row('issuer', shown.issuer),
    row('audience', shown.audience),
    row('results', resultsText(shown)),
    ...(endpoint === null
      ? []
      : [
          row(
            '',
            `last acknowledged ${endpoint?.lastSuccessAt ? at(endpoint.lastSuccessAt) : 'never'}, ${endpoint?.straightFailures ?? 0} failures since`,
          ),
        ]),
    ...heartbeatLines(shown),
    ...shown.keys.map(keyLine),
    ...shown.secrets.map(secretLine),
    ...shown.settings.map(({ name, value, source }) => row(name, `${value}  (${source})`)),
    ...Object.entries(shown.labels).map(([name, value]) => row(`label.${name}`, value)),
    row('published', shown.published),
    row('waiting', `${waiting.openRuns} runs, ${waiting.undelivered} results; ${waiting.events} events in all`),
    ...shown.unusable.map(({ part, reason }) => row('cannot be used', `${part}: ${reason}`)),
  ];
}

function resultsText({ site_id, callback_url, callback_stopped_at }: Shown): string {
  if (callback_url === null) return 'polled';
  if (callback_stopped_at === null) return `pushed to ${callback_url}`;
  return `no longer pushed to ${callback_url}, since ${at(callback_stopped_at)}: pressferry sites endpoint resume ${site_id}`;
}

const DAY_S = 86_400;

function heartbeatLines({ site_id, heartbeat, issuer }: Shown): string[] {
  if (heartbeat === null) return [];
  const { receivedAt, homeUrl, report, copyHomeUrl, copySeenAt, pokedAt, pokeOutcome } = heartbeat;
  const counts = Object.entries(report.counts).filter(([, count]) => count > 0);
  const lines =
    homeUrl === ''
      ? []
      : [
          row('reported', `${at(receivedAt)}, from ${homeUrl}`),
          row(
            'versions',
            `plugin ${report.plugin_version}, WordPress ${report.wordpress_version}, PHP ${report.php_version}`,
          ),
          row('its events', counts.map(([state, count]) => `${count} ${state}`).join(', ') || 'none'),
          row('its oldest waiting', report.oldest_pending_s === null ? 'none' : `${report.oldest_pending_s} s`),
          row('its cron', report.cron_late_s > 600 ? `late by ${report.cron_late_s} s` : 'runs'),
          row('its clock', offsetText(report.clock_offset_ms)),
          row(
            'its key',
            report.key_age_s === null ? 'of unknown age' : `${Math.floor(report.key_age_s / DAY_S)} days old`,
          ),
        ];
  if (pokedAt !== null) lines.push(row('woken', `${at(pokedAt)}: ${pokeOutcome ?? 'no answer yet'}`));
  if (copyHomeUrl !== null && copySeenAt !== null)
    lines.push(
      row(
        'a copy',
        `${copyHomeUrl} has the keys of ${issuer}; seen ${at(copySeenAt)}; it sends nothing. If the site moved there:`,
      ),
      row('', `pressferry sites set ${site_id} issuer=${copyHomeUrl}`),
    );
  return lines;
}

const offsetText = (offsetMs: number | null): string => {
  if (offsetMs === null) return 'not compared yet';
  return Math.abs(offsetMs) < 1_000 ? 'right' : `wrong by ${Math.round(offsetMs / 1_000)} s; it is corrected`;
};

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SiteSettings, siteSettingsSchema } from '@pressferry/sites';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { readSecret } from './secret.ts';
import { changeSettings } from './settings.ts';

const KNOWN = new Set(['order.paid', 'post.published']);

test('settings are set, changed and taken back one by one', () => {
  const set = changeSettings(
    {},
    {
      'rate.per_minute': '600',
      'rate.burst': '50',
      ip_allow: '192.0.2.0/24, 2001:db8::/32',
      'event_types.order.paid': 'off',
      max_held_events: '5',
    },
    KNOWN,
  );
  const settings: SiteSettings = {
    rate_limit: { per_minute: 600, burst: 50 },
    ip_allow: ['192.0.2.0/24', '2001:db8::/32'],
    event_types: { 'order.paid': 'off' },
    max_held_events: 5,
  };
  assert.deepEqual(set, { settings });
  assert.deepEqual(
    changeSettings(settings, { 'rate.burst': '', ip_allow: 'default', 'event_types.order.paid': '' }, KNOWN),
    {
      settings: { rate_limit: { per_minute: 600 }, max_held_events: 5 },
    },
  );
  assert.deepEqual(changeSettings(settings, { 'rate.burst': '', 'rate.per_minute': '' }, KNOWN), {
    settings: { ip_allow: settings.ip_allow, event_types: settings.event_types, max_held_events: 5 },
  });
});

test('every fault is told at once, by the name it was set by', () => {
  const refused = changeSettings(
    {},
    {
      'rate.burst': '-1',
      ip_allow: '10.0.0.1/33',
      max_held_events: '1.5',
      rate_limit: '5',
      'event_types.order.payed': 'off',
      'event_types.order.paid': 'on',
    },
    KNOWN,
  );
  assert.ok('refused' in refused);
  const text = refused.refused.join('\n');
  for (const part of [
    /^rate\.per_minute: /m,
    /^rate\.burst: /m,
    /^ip_allow\.0: must be/m,
    /^max_held_events: /m,
    /^rate_limit: there is no such setting/m,
    /^event_types\.order\.payed: there is no event type/m,
    /^event_types\.order\.paid: /m,
  ])
    assert.match(text, part);
});

property(
  'whatever is assigned, what is taken is what services read',
  fc.property(
    fc.dictionary(
      fc.constantFrom(
        'rate.per_minute',
        'rate.burst',
        'ip_allow',
        'max_held_events',
        'event_types.order.paid',
        '__proto__',
      ),
      fc.oneof(fc.string(), fc.constantFrom('0', '60', '999999999999999', 'live', '10.0.0.0/8', 'default')),
    ),
    (assignments) => {
      const changed = changeSettings({}, assignments, KNOWN);
      if ('settings' in changed) assert.deepEqual(siteSettingsSchema.parse(changed.settings), changed.settings);
    },
  ),
);

test('a secret is what both sides would read from the file', () => {
  const secret = 'sixteen characters, or more';
  for (const text of [secret, `${secret}\n`, `${secret}\r\n`]) assert.deepEqual(readSecret(text), { secret });
  for (const [text, reason] of [
    ['', /empty/],
    ['\n', /empty/],
    ['short', /5 characters/],
    [`\uFEFF${secret}`, /byte order mark/],
    [`${secret}\n${secret}`, /more than one line/],
    [`${secret}\n\n`, /more than one line/],
    [`${secret} \n`, /blank/],
    [`${secret}\0`, /control character/],
    [`${secret}\uFFFD`, /UTF-8/],
    ['x'.repeat(1_025), /1025 characters/],
  ] as const) {
    const read = readSecret(text);
    assert.ok('refused' in read, JSON.stringify(text));
    assert.match(read.refused, reason);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callbackUrlFault } from './callback-url.ts';

const STRICT = { allowHttp: false, allowPrivate: false };

const REFUSED: [url: string, reason: RegExp][] = [
  ['wp.example/callback', /absolute URL/],
  ['//wp.example/callback', /absolute URL/],
  ['file:///etc/passwd', /scheme file:/],
  ['javascript:alert(1)', /scheme javascript:/],
  ['ftp://wp.example/', /scheme ftp:/],
  ['http://wp.example/', /plain HTTP/],
  ['https://user:pw@wp.example/', /user name/],
  ['https://user@wp.example/', /user name/],
  ['https://wp.example/#there', /fragment/],
  ['https://wp.example/#', /fragment/],
  [' https://wp.example/', /blank/],
  ['https://169.254.169.254/latest', /not a public address/],
  ['https://127.0.0.1/', /not a public address/],
  ['https://2130706433/', /not a public address/],
  ['https://0x7f.1/', /not a public address/],
  ['https://[::1]/', /not a public address/],
  ['https://[::ffff:10.0.0.1]/', /not a public address/],
  ['https://localhost/', /not a public address/],
  ['https://wp.localhost/', /not a public address/],
  ['https://wordpress/', /not a public address/],
  ['https://metadata.google.internal/', /not a public address/],
  ['https://printer.local./', /not a public address/],
  [`https://wp.example/${'x'.repeat(2_048)}`, /longer than/],
];

for (const [url, reason] of REFUSED) {
  test(`${url.slice(0, 60)} is refused`, () => assert.match(callbackUrlFault(url, STRICT) ?? 'taken', reason));
}

test('what callback pushes to is taken', () => {
  for (const url of [
    'https://wp.example/wp-json/pressferry/v1/results',
    'https://wp.example:8443/?rest_route=/pressferry/v1/results',
    'https://blog.münchen.example/x',
    'https://93.184.215.14/x',
    'https://[2606:4700::1111]/x',
  ])
    assert.equal(callbackUrlFault(url, STRICT), null, url);
});

test('plain HTTP and private addresses are taken if callback takes them, one without the other', () => {
  assert.equal(callbackUrlFault('http://wp.example/', { ...STRICT, allowHttp: true }), null);
  assert.match(callbackUrlFault('http://10.0.0.1/', { ...STRICT, allowHttp: true }) ?? '', /ALLOW_PRIVATE_ADDRESSES/);
  assert.equal(callbackUrlFault('https://wordpress.svc.cluster.local/', { ...STRICT, allowPrivate: true }), null);
  assert.match(callbackUrlFault('http://wordpress/', { ...STRICT, allowPrivate: true }) ?? '', /ALLOW_HTTP_CALLBACKS/);
});

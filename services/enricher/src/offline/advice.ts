import type { HttpStep, Step } from '../automations/compile.ts';
import type { Vendor } from '../automations/vendors.ts';

type Preset = NonNullable<HttpStep['preset']>;

/** Who answers 2xx for what was not done, by the end of the host's name and a part of the path. */
const ANSWERERS: [host: string, path: string, preset: Preset][] = [
  ['api.hubapi.com', '/batch/', 'hubspot'],
  ['.salesforce.com', '/composite', 'salesforce'],
  ['.salesforce.com', '/actions/', 'salesforce'],
  ['', '/graphql', 'graphql'],
  ['api.monday.com', '/v2', 'graphql'],
  ['slack.com', '/api/', 'slack'],
  ['.api.mailchimp.com', '', 'mailchimp'],
  ['mandrillapp.com', '', 'mailchimp'],
  ['.zendesk.com', '', 'zendesk'],
  ...['com', 'eu', 'in', 'com.au', 'jp', 'ca'].map((end): [string, string, Preset] => [`.zohoapis.${end}`, '', 'zoho']),
  ['.webhook.office.com', '', 'teams'],
  ['', '/jsonrpc', 'json-rpc'],
];

/** A line for each `http` step that would take such an answer for success. */
export function advice(
  automations: Iterable<{ name: string; steps: readonly Step[] }>,
  vendors: ReadonlyMap<string, Vendor>,
): string[] {
  return [...automations].flatMap(({ name, steps }) =>
    steps.flatMap((step) => {
      if (step.type !== 'http' || [step.preset, step.expect, step.fail_if].some((judge) => judge !== undefined))
        return [];
      const vendor = vendors.get(step.vendor);
      const url = vendor?.kind === 'http' && URL.canParse(vendor.baseUrl) ? new URL(vendor.baseUrl) : undefined;
      const path = `${url?.pathname ?? ''}${step.path}`;
      const [, , preset] =
        ANSWERERS.find(([host, part]) => isOf(url?.hostname ?? '', host) && path.includes(part)) ?? [];
      if (preset === undefined) return [];
      return [
        `${name}, step ${step.name}: this vendor answers 2xx for what it did not do. Add preset: ${preset}, expect or fail_if.`,
      ];
    }),
  );
}

const isOf = (hostname: string, host: string): boolean =>
  host.startsWith('.') || host === '' ? hostname.endsWith(host) : hostname === host;

import ipaddr from 'ipaddr.js';

const AZURE_WIRE_SERVER = '168.63.129.16';
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

/**
 * True for a public internet address, in text without brackets. False for private, loopback, link-local (with the
 * clouds' metadata), multicast and reserved ones, and for every IPv6 form that embeds an IPv4 address (mapped, NAT64,
 * 6to4, Teredo).
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  // Only the four-part decimal form: readers disagree on what "0177.1" means.
  if (parsed.kind() === 'ipv4' && !ipaddr.IPv4.isValidFourPartDecimal(address)) return false;
  if (parsed.range() !== 'unicast') return false;
  return parsed.kind() === 'ipv6' ? parsed.match(GLOBAL_UNICAST) : address !== AZURE_WIRE_SERVER;
}

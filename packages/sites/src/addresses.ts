import ipaddr from 'ipaddr.js';

const AZURE_WIRE_SERVER = '168.63.129.16';
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

/**
 * True for an address of the public internet. All else is refused as a target of pushes: private, loopback, link-local (with the
 * clouds' metadata), multicast, reserved, and every IPv6 form that carries an IPv4 address inside (mapped, NAT64, 6to4, Teredo),
 * because the inner address could be any of these. Takes the textual form of an address, without brackets.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  // Only the four-part decimal form: what "0177.1" means depends on who reads it.
  if (parsed.kind() === 'ipv4' && !ipaddr.IPv4.isValidFourPartDecimal(address)) return false;
  if (parsed.range() !== 'unicast') return false;
  return parsed.kind() === 'ipv6' ? parsed.match(GLOBAL_UNICAST) : address !== AZURE_WIRE_SERVER;
}

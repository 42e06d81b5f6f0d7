import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

export interface Ranges {
  isEmpty: boolean;
  includes: (address: Address) => boolean;
}

/** Each text must be well formed. */
export function parseRanges(texts: readonly string[]): Ranges {
  const ranges = texts.map(parseRange);
  return {
    isEmpty: ranges.length === 0,
    includes: (address) =>
      ranges.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits)),
  };
}

/** Clients' mapped IPv4 addresses were turned into plain ones, so a range of mapped ones is one of IPv4. */
function parseRange(text: string): [Address, number] {
  if (!ipaddr.isValidCIDR(text)) {
    const address = ipaddr.process(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  }
  const [address, bits] = ipaddr.parseCIDR(text);
  const isMapped = address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96;
  return isMapped ? [address.toIPv4Address(), bits - 96] : [address, bits];
}

/** Turns a mapped IPv4 address into a plain one; null if it is not an address, or only `inet_aton` accepts it. */
export const parseAddress = (text: string): Address | null =>
  ipaddr.IPv6.isValid(text) || ipaddr.IPv4.isValidFourPartDecimal(text) ? ipaddr.process(text) : null;

/** The key of the limit per address: an IPv4 address, or the /64 that one IPv6 customer gets. */
export function limitKey(address: Address): string {
  if (address.kind() === 'ipv4') return address.toString();
  return (address as ipaddr.IPv6).parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':');
}

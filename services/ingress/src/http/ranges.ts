import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A list of address ranges, parsed once. */
export interface Ranges {
  isEmpty: boolean;
  includes: (address: Address) => boolean;
}

/** Parses addresses and CIDR ranges, each known to be well formed. */
export function parseRanges(texts: readonly string[]): Ranges {
  const ranges = texts.map((text): [Address, number] => {
    if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
    const address = ipaddr.process(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  });
  return {
    isEmpty: ranges.length === 0,
    includes: (address) =>
      ranges.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits)),
  };
}

/** An address as text, an IPv4 one that is mapped into IPv6 as IPv4; null where it is none. */
export const parseAddress = (text: string): Address | null => (ipaddr.isValid(text) ? ipaddr.process(text) : null);

/** What the limit per address counts by: an IPv4 address, or the /64 that one IPv6 customer gets. */
export function limitKey(address: Address): string {
  if (address.kind() === 'ipv4') return address.toString();
  return (address as ipaddr.IPv6).parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':');
}

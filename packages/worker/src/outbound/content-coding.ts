import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib';

type Decode = (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

/** RFC 9110; some servers send `deflate` without its header. */
const DECODERS: Readonly<Record<string, readonly Decode[]>> = {
  gzip: [promisify(gunzip)],
  'x-gzip': [promisify(gunzip)],
  deflate: [promisify(inflate), promisify(inflateRaw)],
  br: [promisify(brotliDecompress)],
  zstd: [promisify(zstdDecompress)],
};
/** More are not in use. */
const MOST_CODINGS = 3;

/**
 * Decompresses a body, because some servers and proxies compress unasked. A body that is not coded as its header says
 * stays as it is: some proxies decompress and leave the header. `isCut`: it exceeds `maxBytes`.
 */
export async function decoded(
  body: Buffer,
  codings: string | string[] | undefined,
  maxBytes: number,
): Promise<{ body: Buffer; isCut: boolean }> {
  const names = [codings ?? []].flat().join(',').toLowerCase().split(',');
  const applied = names.map((name) => name.trim()).filter((name) => name !== '' && name !== 'identity');
  if (body.length === 0 || applied.length > MOST_CODINGS) return { body, isCut: false };
  let plain = body;
  for (const name of applied.reverse()) {
    const next = await decodedOnce(plain, DECODERS[name] ?? [], maxBytes);
    if (next === 'too_long') return { body: Buffer.alloc(0), isCut: true };
    plain = next ?? plain;
  }
  return { body: plain, isCut: false };
}

async function decodedOnce(body: Buffer, decoders: readonly Decode[], maxOutputLength: number) {
  for (const decode of decoders) {
    try {
      return await decode(body, { maxOutputLength });
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE')
        return 'too_long' as const;
    }
  }
  return undefined;
}

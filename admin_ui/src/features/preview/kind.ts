/** How an object is shown, by the content type that is stored with it. Pure. */

export type Kind = 'image' | 'video' | 'audio' | 'pdf' | 'text' | 'binary';

export const ASK_ABOVE_BYTES = 25 * 1024 * 1024;

const TEXT_TYPES = new Set([
  'application/json',
  'application/ld+json',
  'application/xml',
  'application/javascript',
  'application/x-javascript',
  'application/yaml',
  'application/x-yaml',
  'application/toml',
  'application/sql',
  'application/x-sh',
  'application/x-ndjson',
  'application/graphql',
]);

// What browsers draw. Others, such as image/tiff, are shown as bytes.
const IMAGE_TYPES = new Set(
  ['png', 'jpeg', 'jpg', 'gif', 'webp', 'avif', 'bmp', 'svg+xml', 'x-icon', 'vnd.microsoft.icon', 'apng'].map(
    (subtype) => `image/${subtype}`,
  ),
);

/** Return how to show an object of `contentType`. */
export function kindOf(contentType: string): Kind {
  const type = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
  if (IMAGE_TYPES.has(type)) return 'image';
  if (type.startsWith('video/')) return 'video';
  if (type.startsWith('audio/')) return 'audio';
  if (type === 'application/pdf') return 'pdf';
  const isText = type.startsWith('text/') || TEXT_TYPES.has(type) || type.endsWith('+json') || type.endsWith('+xml');
  return isText ? 'text' : 'binary';
}

/** Tell whether to ask before so many bytes are fetched only to be looked at. Films come in pieces anyway. */
export function asksFirst(kind: Kind, sizeBytes: number): boolean {
  return sizeBytes > ASK_ABOVE_BYTES && (kind === 'image' || kind === 'pdf' || kind === 'text');
}

/** Bytes as people read them. Pure. */

// As many as fit into the preview as it is at first.
const PER_LINE = 8;
const HALF_WIDTH = (PER_LINE / 2) * 3 - 1;

/** Return `bytes` as lines of an offset, eight bytes in hexadecimal, and their printable ASCII characters. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let offset = 0; offset < bytes.length; offset += PER_LINE) {
    lines.push(hexLine(offset, bytes.subarray(offset, offset + PER_LINE)));
  }
  return lines.join('\n');
}

function hexLine(offset: number, bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'));
  const left = hex.slice(0, PER_LINE / 2).join(' ').padEnd(HALF_WIDTH);
  const right = hex.slice(PER_LINE / 2).join(' ').padEnd(HALF_WIDTH);
  return `${offset.toString(16).padStart(4, '0')}  ${left}  ${right}  ${asciiOf(bytes)}`;
}

function asciiOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
}

/** Return the text of the first bytes of a file. A character that is cut off at their end is left out. */
export function textOf(bytes: Uint8Array, isWhole: boolean): string {
  return new TextDecoder('utf-8').decode(bytes, { stream: !isWhole });
}

/** Tell whether text holds what no text has: NUL. */
export function looksBinary(text: string): boolean {
  return text.includes('\0');
}

import { describe, expect, it } from 'vitest';

import { hexDump, looksBinary, textOf } from './bytes';
import { ASK_ABOVE_BYTES, asksFirst, kindOf } from './kind';
import { draftOf, draftProblem, isDirty, type MetadataDraft, metadataOf, toggledRaw } from './metadata';

describe('how objects are shown', () => {
  it.each([
    ['image/png', 'image'],
    ['image/svg+xml', 'image'],
    ['IMAGE/JPEG; q=1', 'image'],
    ['image/tiff', 'binary'],
    ['video/mp4', 'video'],
    ['audio/ogg', 'audio'],
    ['application/pdf', 'pdf'],
    ['text/csv; charset=utf-8', 'text'],
    ['text/html', 'text'],
    ['application/problem+json', 'text'],
    ['application/octet-stream', 'binary'],
    ['', 'binary'],
  ])('%j as %s', (type, kind) => expect(kindOf(type)).toBe(kind));

  it('large ones only when asked to, except films', () => {
    expect(asksFirst('image', ASK_ABOVE_BYTES)).toBe(false);
    expect(asksFirst('image', ASK_ABOVE_BYTES + 1)).toBe(true);
    expect(asksFirst('video', ASK_ABOVE_BYTES + 1)).toBe(false);
  });
});

describe('bytes', () => {
  it('have offsets, hexadecimal and characters', () => {
    const bytes = new TextEncoder().encode('hello, world\0é');
    expect(hexDump(bytes)).toBe('0000  68 65 6c 6c  6f 2c 20 77  hello, w\n0008  6f 72 6c 64  00 c3 a9     orld...');
  });

  it('begin a new line after eight', () => {
    const [first, second] = hexDump(new Uint8Array(9)).split('\n');
    expect(first).toHaveLength(4 + 2 + 11 + 2 + 11 + 2 + 8);
    expect(second).toMatch(/^0008 {2}00 /);
  });

  it('of no file are no line', () => expect(hexDump(new Uint8Array())).toBe(''));

  it('leave out a character that is cut off, unless the file ends there', () => {
    const cut = new TextEncoder().encode('aé').slice(0, 2);
    expect(textOf(cut, false)).toBe('a');
    expect(textOf(cut, true)).toBe('a\uFFFD');
  });

  it('with NUL are no text', () => expect(looksBinary('a\0b')).toBe(true));
});

describe('metadata', () => {
  const stored = { content_type: 'text/plain', cache_control: 'no-cache', user_metadata: { a: '1', b: '2' } };
  const draft = draftOf(stored);
  const withRows = (...rows: MetadataDraft['rows']): MetadataDraft => ({ ...draft, rows });

  it('comes back as it was', () => {
    expect(metadataOf(draft)).toEqual(stored.user_metadata);
    expect(isDirty(draft, stored)).toBe(false);
  });

  it('that holds more than texts is edited as JSON, and stays that way', () => {
    const nested = draftOf({ ...stored, user_metadata: { a: { b: 1 } } });
    expect(nested.isRaw).toBe(true);
    expect(() => toggledRaw(nested)).toThrow(/Only texts/);
  });

  it('keeps its content when it is edited the other way', () => {
    expect(metadataOf(toggledRaw(toggledRaw(draft)))).toEqual(stored.user_metadata);
  });

  it('needs different names, and drops empty rows', () => {
    expect(draftProblem(withRows({ name: 'a', value: '1' }, { name: ' a ', value: '2' }))).toMatch(/twice/);
    expect(draftProblem(withRows({ name: '', value: '2' }))).toMatch(/needs a name/);
    expect(metadataOf(withRows({ name: 'a', value: '1' }, { name: '', value: '' }))).toEqual({ a: '1' });
  });

  it.each(['{', '[]', '"text"', 'null'])('refuses %s as JSON', (json) => {
    expect(draftProblem({ ...draft, isRaw: true, json })).not.toBeNull();
  });

  it('needs a content type of two parts', () => {
    expect(draftProblem({ ...draft, contentType: 'text' })).toMatch(/two parts/);
    expect(draftProblem({ ...draft, contentType: 'text/html; charset=utf-8' })).toBeNull();
  });

  it('is dirty when it would change something or cannot be read', () => {
    expect(isDirty({ ...draft, cacheControl: 'max-age=60' }, stored)).toBe(true);
    expect(isDirty({ ...draft, isRaw: true, json: '{' }, stored)).toBe(true);
  });
});

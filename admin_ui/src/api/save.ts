/** Files that the browser saves as they come. Nothing of them is kept in memory, and a refusal is told. */

import { addressOf, announceSessionEnd } from './client';
import { type ApiError, type ErrorBody, errorOfAnswer, unreachable } from './error';

/** An answer has begun by then, and a file that has begun needs its frame no longer. */
const BEGUN_MS = 600_000;

let nextId = 1;

export type OnRefusal = (error: ApiError) => void;

export interface ZipSelection {
  bucket: string;
  names: readonly string[];
  prefixes: readonly string[];
  below: string;
  file_name: string;
}

/** Let the browser save what is at `address`, which has to be an attachment. */
export function saveFile(address: string, onRefusal: OnRefusal): void {
  unseenFrame(onRefusal).src = address;
}

/** Let the browser save the selection as an archive, as the server sends it. */
export function saveArchive(selection: ZipSelection, onRefusal: OnRefusal): void {
  const form = document.createElement('form');
  form.method = 'post';
  form.action = addressOf('api/zip');
  form.target = unseenFrame(onRefusal).name;
  const field = document.createElement('input');
  field.type = 'hidden';
  field.name = 'selection';
  field.value = JSON.stringify(selection);
  form.append(field);
  document.body.append(form);
  form.submit();
  form.remove();
}

/** Return a frame that is not shown. A file that is saved never comes into it; whatever does is a refusal. */
function unseenFrame(onRefusal: OnRefusal): HTMLIFrameElement {
  const frame = document.createElement('iframe');
  frame.hidden = true;
  frame.name = `save-${nextId++}`;
  frame.addEventListener('load', () => {
    if (frame.contentDocument?.URL === 'about:blank') return;
    const refusal = refusalIn(frame.contentDocument?.body?.textContent ?? '');
    if (refusal.status === 401) announceSessionEnd();
    onRefusal(refusal);
    frame.remove();
  });
  document.body.append(frame);
  setTimeout(() => frame.remove(), BEGUN_MS);
  return frame;
}

/** Read the error that a browser shows as a document. Without a text it is the browser's own page: nothing came. */
export function refusalIn(text: string): ApiError {
  const json = /\{.*\}/s.exec(text)?.[0];
  if (json === undefined) return unreachable();
  return errorOfAnswer({ status: statusIn(json), text: json, header: () => null });
}

function statusIn(json: string): number {
  try {
    return Number((JSON.parse(json) as ErrorBody).statusCode) || 0;
  } catch {
    return 0;
  }
}

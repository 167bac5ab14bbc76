import { File, FileArchive, FileAudio, FileImage, FileText, FileVideo, type LucideIcon } from 'lucide-react';

const ICONS = [
  ['image/', FileImage],
  ['video/', FileVideo],
  ['audio/', FileAudio],
  ['text/', FileText],
  ['application/json', FileText],
  ['application/pdf', FileText],
  ['application/zip', FileArchive],
  ['application/gzip', FileArchive],
] as const;

/** Return the drawing for objects of this content type. */
export function iconOf(mimeType: string): LucideIcon {
  return ICONS.find(([beginning]) => mimeType.startsWith(beginning))?.[1] ?? File;
}

import { Upload } from 'lucide-react';
import { lazy, Suspense, useEffect, useState, useSyncExternalStore } from 'react';
import { onFirstUpload, uploadSummary } from '../features/uploads/activity';
import { Icon } from '../ui/Icon';

const UploadPanel = lazy(() =>
  import('../features/uploads/UploadPanel').then((module) => ({ default: module.UploadPanel })),
);
const summary = uploadSummary();

/** The panel of uploads. It is loaded with the first one, and stays while the reader goes elsewhere. */
export function Uploads() {
  const [started, setStarted] = useState(false);
  useEffect(() => onFirstUpload(() => setStarted(true)), []);
  return <Suspense>{started && <UploadPanel />}</Suspense>;
}

/** How far the uploads are, in the header. */
export function UploadIndicator() {
  const text = useSyncExternalStore(summary.subscribe, summary.get);
  if (text === null) return null;
  return (
    <span className="cluster small numeric upload-indicator">
      <Icon of={Upload} />
      {text}
    </span>
  );
}

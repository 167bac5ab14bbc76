import { useQuery } from '@tanstack/react-query';
import { ChevronDown, ChevronUp, Download, ExternalLink, type LucideIcon, X } from 'lucide-react';
import { type ComponentType, useEffect, useRef } from 'react';
import { isMissing } from '../../api/error';
import { contentAddress, downloadAddress } from '../../api/objects';
import type { ObjectInfo } from '../../api/types';
import { labelOf } from '../../lib/keys';
import type { ExplorerTab } from '../../lib/search';
import { IconButton } from '../../ui/Button';
import { EmptyState } from '../../ui/EmptyState';
import { ErrorState } from '../../ui/ErrorState';
import { Icon } from '../../ui/Icon';
import { Skeleton } from '../../ui/Skeleton';
import { Tabs } from '../../ui/Tabs';
import { Content } from './Content';
import { Details } from './Details';
import { MetadataEditor } from './MetadataEditor';
import { factsQuery } from './facts';
import { ResizeHandle, usePaneWidth } from './ResizeHandle';
import './preview.css';

interface PreviewPaneProps {
  bucket: string;
  name: string;
  tab: ExplorerTab;
  onTab: (tab: ExplorerTab) => void;
  onClose: () => void;
  onNext: (() => void) | null;
  onPrevious: (() => void) | null;
  Share: ComponentType<{ bucket: string; name: string }>;
}

/** One object beside the list: how it looks, what is known of it, and links to it. */
export function PreviewPane({ bucket, name, ...rest }: PreviewPaneProps) {
  const { data, error, refetch } = useQuery(factsQuery({ bucket, name }));
  // What was known of an object that is gone is not true any more.
  const facts = isMissing(error) ? undefined : data;
  const [widthPx, setWidthPx] = usePaneWidth();
  const pane = useRef<HTMLElement>(null);
  // On a narrow page it lies below the list, out of view.
  useEffect(() => {
    // Browsers return a promise here, which is no function to clean up with.
    void pane.current?.scrollIntoView({ block: 'start' });
  }, []);
  return (
    <aside ref={pane} className="preview" aria-label={`Preview of ${labelOf(name)}`} style={{ width: widthPx }}>
      <ResizeHandle widthPx={widthPx} onWidth={setWidthPx} />
      <div className="preview-inside">
        <Head bucket={bucket} name={name} version={facts?.version ?? ''} {...rest} />
        {facts && <Body key={`${bucket}/${name}`} facts={facts} {...rest} />}
        {!facts && !error && <Skeleton label="Loading the object" />}
        {!facts && error && <Failed name={name} error={error} onRetry={() => void refetch()} />}
      </div>
    </aside>
  );
}

type HeadProps = Pick<PreviewPaneProps, 'bucket' | 'name' | 'onClose' | 'onNext' | 'onPrevious'> & { version: string };

function Head({ bucket, name, version, onClose, onNext, onPrevious }: HeadProps) {
  return (
    <div className="preview-head">
      <h2 className="grow truncate">
        <bdi title={name}>{labelOf(name)}</bdi>
      </h2>
      <StepButton icon={ChevronUp} label="Previous object" onStep={onPrevious} />
      <StepButton icon={ChevronDown} label="Next object" onStep={onNext} />
      <a
        className="button icon-only"
        data-tone="quiet"
        href={contentAddress({ bucket, name }, version)}
        target="_blank"
        rel="noreferrer"
        title="Open in a new tab"
        aria-label="Open in a new tab"
      >
        <Icon of={ExternalLink} />
      </a>
      <a
        className="button icon-only"
        data-tone="quiet"
        href={downloadAddress({ bucket, name })}
        download={labelOf(name)}
        title="Download"
        aria-label="Download"
      >
        <Icon of={Download} />
      </a>
      <IconButton icon={X} label="Close the preview" onClick={onClose} />
    </div>
  );
}

/** At the end of the list it rests, and keeps the focus: one that is disabled would lose it. */
function StepButton({ icon, label, onStep }: { icon: LucideIcon; label: string; onStep: (() => void) | null }) {
  return <IconButton icon={icon} label={label} aria-disabled={!onStep} onClick={() => onStep?.()} />;
}

type BodyProps = Pick<PreviewPaneProps, 'tab' | 'onTab' | 'Share'> & { facts: ObjectInfo };

function Body({ facts, tab, onTab, Share }: BodyProps) {
  return (
    <Tabs
      label="About the object"
      value={tab}
      onChange={onTab}
      tabs={[
        { value: 'preview', label: 'Preview', content: <Content key={facts.version} facts={facts} /> },
        { value: 'details', label: 'Details', content: <Details facts={facts} /> },
        { value: 'metadata', label: 'Metadata', content: <MetadataEditor facts={facts} /> },
        { value: 'share', label: 'Share', content: <Share bucket={facts.bucket} name={facts.name} /> },
      ]}
    />
  );
}

function Failed({ name, error, onRetry }: { name: string; error: Error; onRetry: () => void }) {
  if (!isMissing(error)) return <ErrorState error={error} onRetry={onRetry} />;
  return (
    <EmptyState title="This object is not there">
      <p>
        <bdi>{name}</bdi> was deleted or renamed, or this session may not see it.
      </p>
    </EmptyState>
  );
}

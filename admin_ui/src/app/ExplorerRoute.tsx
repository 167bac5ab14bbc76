import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { type ComponentProps, useMemo } from 'react';
import { bucketQuery, configQuery } from '../api/queries';
import type { Bucket, Config } from '../api/types';
import { ExplorerPage, type PreviewProps, type Uploads } from '../features/explorer/ExplorerPage';
import { PreviewPane } from '../features/preview/PreviewPane';
import { ShareTab } from '../features/share/ShareTab';
import { onStored, uploadDrop, uploadFiles, type UploadTarget } from '../features/uploads/activity';
import { UnfinishedNotice } from '../features/uploads/UnfinishedNotice';
import { unescapeFolder } from '../lib/route';

const CHUNK_BYTES = 6 * 1024 * 1024;
const PARALLEL = 3;

const route = getRouteApi('/signed-in/buckets/$bucket/$');

/** Hands what the address says to the explorer. A new bucket starts it anew; a new folder does not. */
export function ExplorerRoute() {
  const { bucket, _splat } = route.useParams();
  const prefix = unescapeFolder(_splat ?? '');
  return <Explorer key={bucket} bucket={bucket} prefix={prefix} search={route.useSearch()} />;
}

type ExplorerProps = Pick<ComponentProps<typeof ExplorerPage>, 'bucket' | 'prefix' | 'search'>;

/** The explorer with its neighbours: features know nothing of each other. */
function Explorer(props: ExplorerProps) {
  const { data: bucket } = useQuery(bucketQuery(props.bucket));
  const { data: config } = useQuery(configQuery);
  const uploads = useMemo(() => uploadsTo(bucket, config), [bucket, config]);
  return <ExplorerPage {...props} uploads={uploads} Preview={Preview} Unfinished={UnfinishedNotice} />;
}

function Preview(props: PreviewProps) {
  return <PreviewPane {...props} Share={ShareTab} />;
}

/** Until bucket and configuration are known, the server alone says what it takes. */
function uploadsTo(bucket: Bucket | undefined, config: Config | undefined): Uploads {
  const target = (to: { bucket: string; prefix: string }): UploadTarget => ({
    ...to,
    limits: {
      maxBytes: bucket?.file_size_limit ?? config?.limits.file_size_limit_bytes ?? null,
      mimeTypes: bucket?.allowed_mime_types ?? null,
    },
    options: {
      chunkSizeBytes: config?.upload.chunk_size_bytes ?? CHUNK_BYTES,
      parallel: config?.upload.parallel ?? PARALLEL,
    },
  });
  return {
    files: (to, files) => uploadFiles(target(to), files),
    drop: (to, transfer) => uploadDrop(target(to), transfer),
    onStored,
  };
}

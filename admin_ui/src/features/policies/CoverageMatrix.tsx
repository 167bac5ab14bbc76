import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { bucketsQuery, coverageQuery } from '../../api/queries';
import type { Coverage, Verdict } from '../../api/types';
import { Badge, type BadgeTone } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { EmptyState } from '../../ui/EmptyState';
import { ErrorState } from '../../ui/ErrorState';
import { QueryView } from '../../ui/QueryView';
import { Skeleton } from '../../ui/Skeleton';

const PAGE = 20;
const TONES: Record<Verdict, BadgeTone> = { allowed: 'good', conditional: 'warn', denied: 'default' };

/** What each role may do in each bucket, twenty buckets at a time. */
export function CoverageMatrix() {
  const [start, setStart] = useState(0);
  const list = useInfiniteQuery(bucketsQuery({ search: '', sortColumn: 'name', sortOrder: 'asc' }));
  const names = list.data?.pages.flat().map(({ id }) => id) ?? [];
  const shown = names.slice(start, start + PAGE);
  const coverage = useQuery(coverageQuery(shown));
  const isLast = start + PAGE >= names.length && !list.hasNextPage;
  const turn = async (to: number) => {
    const isMissing = to >= names.length && (await list.fetchNextPage()).isError;
    if (!isMissing) setStart(to);
  };
  if (list.isError && !list.data) return <ErrorState error={list.error} onRetry={() => void list.refetch()} />;
  if (list.isPending) return <Skeleton label="Loading buckets" />;
  if (names.length === 0) return <EmptyState title="No buckets yet" />;
  return (
    <div className="stack tab-content">
      <p className="muted">
        Conditional: it depends on the name, or on who asks. Choose a verdict to see why in the simulator.
      </p>
      <QueryView query={coverage} loading="Asking the policies">
        {(found) => shown.map((bucket) => <BucketCoverage key={bucket} bucket={bucket} coverage={found} />)}
      </QueryView>
      {(start > 0 || !isLast) && (
        <div className="cluster">
          <Button disabled={start === 0} onClick={() => void turn(start - PAGE)}>
            Previous
          </Button>
          <Button disabled={isLast} onClick={() => void turn(start + PAGE)}>
            Next
          </Button>
        </div>
      )}
    </div>
  );
}

function BucketCoverage({ bucket, coverage }: { bucket: string; coverage: Coverage }) {
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label={`Verdicts for ${bucket}`}>
      <table className="plain-table">
        <caption className="table-caption">
          <bdi>{bucket}</bdi>
        </caption>
        <thead>
          <tr>
            <th scope="col">Operation</th>
            {coverage.roles.map((role) => (
              <th key={role} scope="col">
                {role}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {coverage.operations.map((op) => (
            <tr key={op}>
              <th scope="row">{op}</th>
              {coverage.roles.map((role) => (
                <td key={role}>
                  <VerdictLink verdict={verdictIn(coverage, bucket, role, op)} search={{ bucket, role, op }} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface VerdictLinkProps {
  verdict: Verdict | undefined;
  search: { bucket: string; role: string; op: string };
}

function VerdictLink({ verdict, search }: VerdictLinkProps) {
  if (!verdict) return <span className="muted">-</span>;
  return (
    <Link to="/policies/simulator" search={search}>
      <Badge tone={TONES[verdict]}>{verdict}</Badge>
    </Link>
  );
}

function verdictIn({ cells }: Coverage, bucket: string, role: string, op: string): Verdict | undefined {
  return cells.find((cell) => cell.bucket === bucket && cell.role === role && cell.operation === op)?.verdict;
}

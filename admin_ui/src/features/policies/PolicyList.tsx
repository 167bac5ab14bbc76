import { Link } from '@tanstack/react-router';
import type { Policy } from '../../api/types';
import { testSearch } from './testSearch';
import { Badge } from '../../ui/Badge';
import { EmptyState } from '../../ui/EmptyState';

/** Policies one below the other, each with its conditions, its source and a way to try it. */
export function PolicyList({ policies, bucket }: { policies: readonly Policy[]; bucket?: string }) {
  if (policies.length === 0) return <NoPolicies />;
  return (
    <ul className="stack policy-list">
      {policies.map((policy) => (
        <li key={`${policy.table} ${policy.name}`}>
          <PolicyCard policy={policy} {...(bucket !== undefined && { bucket })} />
        </li>
      ))}
    </ul>
  );
}

function NoPolicies() {
  return (
    <EmptyState title="No policies">
      <p>
        Without a policy that allows it, everything but reading public buckets is denied to all but service keys.
        Policies are SQL files in the directory that AEROSTORE_POLICIES_DIR names, or policies of the database.
      </p>
    </EmptyState>
  );
}

function PolicyCard({ policy, bucket }: { policy: Policy; bucket?: string }) {
  const place = policy.file && `${policy.file}${policy.line ? `:${policy.line}` : ''}`;
  return (
    <article className="card">
      <div className="cluster">
        <h2 className="grow">{policy.name}</h2>
        <Badge>{policy.command.toUpperCase()}</Badge>
        {!policy.is_permissive && <Badge tone="warn">restrictive</Badge>}
        <Link className="button" to="/policies/simulator" search={testSearch(policy, bucket)}>
          Test this
        </Link>
      </div>
      {policy.reason && <p>{policy.reason}</p>}
      <dl className="facts">
        <dt>On</dt>
        <dd className="mono">{policy.table}</dd>
        <dt>For</dt>
        <dd>{policy.roles.includes('public') ? 'every role' : policy.roles.join(', ')}</dd>
        <Condition title="Rows it shows or changes (USING)" text={policy.using} />
        <Condition title="Rows it lets in (WITH CHECK)" text={policy.with_check} />
        <dt>Defined</dt>
        <dd className="mono">{place ?? 'in the database'}</dd>
      </dl>
      <details>
        <summary>Source</summary>
        <pre tabIndex={0} aria-label={`Source of ${policy.name}`}>
          {policy.source}
        </pre>
      </details>
    </article>
  );
}

function Condition({ title, text }: { title: string; text: string | null }) {
  if (text === null) return null;
  return (
    <>
      <dt>{title}</dt>
      <dd>
        <code>{text}</code>
      </dd>
    </>
  );
}

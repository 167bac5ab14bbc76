import './policies.css';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { policiesQuery } from '../../api/queries';
import type { Policy } from '../../api/types';
import { Button } from '../../ui/Button';
import { EmptyState } from '../../ui/EmptyState';
import { SearchInput } from '../../ui/Field';
import { PageHead } from '../../ui/PageHead';
import { QueryView } from '../../ui/QueryView';
import { ServiceOnly } from '../../ui/ServiceOnly';
import { Tabs } from '../../ui/Tabs';
import { CoverageMatrix } from './CoverageMatrix';
import { PolicyList } from './PolicyList';

const route = getRouteApi('/signed-in/policies');

export function PoliciesPage() {
  const { view = 'policies' } = route.useSearch();
  const navigate = useNavigate();
  return (
    <>
      <PageHead title="Policies">
        <Link className="button" to="/policies/simulator" search={{}}>
          Simulator
        </Link>
      </PageHead>
      <ServiceOnly what="Policies">
        <Tabs
          label="Policies"
          value={view}
          onChange={(chosen) => void navigate({ to: '/policies', search: { view: chosen }, replace: true })}
          tabs={[
            { value: 'policies', label: 'All policies', content: <AllPolicies /> },
            { value: 'coverage', label: 'Who may do what', content: <CoverageMatrix /> },
          ]}
        />
      </ServiceOnly>
    </>
  );
}

function AllPolicies() {
  const query = useQuery(policiesQuery);
  const [filter, setFilter] = useState('');
  return (
    <div className="stack tab-content">
      <SearchInput label="Filter policies" value={filter} onChange={setFilter} />
      <QueryView query={query} loading="Loading policies">
        {(policies) => <Filtered policies={policies} filter={filter} onClear={() => setFilter('')} />}
      </QueryView>
    </div>
  );
}

interface FilteredProps {
  policies: readonly Policy[];
  filter: string;
  onClear: () => void;
}

function Filtered({ policies, filter, onClear }: FilteredProps) {
  const wanted = filter.trim().toLowerCase();
  const found = policies.filter((policy) => textOf(policy).includes(wanted));
  if (found.length === 0 && wanted) {
    return <EmptyState title="No match" action={<Button onClick={onClear}>Clear the filter</Button>} />;
  }
  return <PolicyList policies={found} />;
}

function textOf({ table, name, command, roles, source, file }: Policy): string {
  return [table, name, command, ...roles, source, file].join(' ').toLowerCase();
}

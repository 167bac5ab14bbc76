import './policies.css';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { policiesQuery } from '../../api/queries';
import { BucketTabs } from '../../ui/BucketTabs';
import { PageHead } from '../../ui/PageHead';
import { QueryView } from '../../ui/QueryView';
import { ServiceOnly } from '../../ui/ServiceOnly';
import { PolicyList } from './PolicyList';
import { concerns } from './testSearch';

const route = getRouteApi('/signed-in/buckets/$bucket/-/policies');

export function BucketPoliciesPage() {
  const { bucket } = route.useParams();
  return (
    <>
      <PageHead title={bucket} />
      <BucketTabs bucket={bucket} />
      <ServiceOnly what="Policies">
        <BucketPolicies bucket={bucket} />
      </ServiceOnly>
    </>
  );
}

function BucketPolicies({ bucket }: { bucket: string }) {
  const query = useQuery(policiesQuery);
  return (
    <>
      <p className="muted">Policies that name another bucket are left out.</p>
      <QueryView query={query} loading="Loading policies">
        {(policies) => <PolicyList policies={policies.filter((each) => concerns(each, bucket))} bucket={bucket} />}
      </QueryView>
    </>
  );
}

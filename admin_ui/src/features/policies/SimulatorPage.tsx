import { useMutation } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { Link2 } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { explain } from '../../api/mutations';
import type { Explanation } from '../../api/types';
import type { SimulatorSearch } from '../../lib/search';
import { Button } from '../../ui/Button';
import { useCopy } from '../../ui/copy';
import { EmptyState } from '../../ui/EmptyState';
import { ErrorState } from '../../ui/ErrorState';
import { PageHead } from '../../ui/PageHead';
import { ServiceOnly } from '../../ui/ServiceOnly';
import { Skeleton } from '../../ui/Skeleton';
import { ExplanationView } from './ExplanationView';
import { draftOf, problemOf, searchOf, toRequest, type Draft } from './simulation';
import { SimulatorForm } from './SimulatorForm';
import './policies.css';

const route = getRouteApi('/signed-in/policies/simulator');

export function SimulatorPage() {
  const copy = useCopy();
  return (
    <>
      <PageHead title="Policy simulator">
        <Button icon={Link2} onClick={() => copy(location.href, 'Link copied. It holds no token and no claims.')}>
          Copy link
        </Button>
      </PageHead>
      <ServiceOnly what="The simulator">
        <Simulator />
      </ServiceOnly>
    </>
  );
}

/** Asks what the address says when the page opens, and again for each new question. Nothing is changed by asking. */
function Simulator() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const [draft, setDraft] = useState(() => draftOf(search));
  const asked = useRef<SimulatorSearch | null>(null);
  const { mutate, data, error, isPending, submittedAt } = useMutation({
    mutationFn: (next: Draft) => explain(toRequest(next)),
  });
  const ask = () => {
    asked.current = searchOf(draft);
    void navigate({ to: '/policies/simulator', search: asked.current, replace: true });
    mutate(draft);
  };
  useEffect(() => {
    if (JSON.stringify(search) === JSON.stringify(asked.current)) return;
    asked.current = search;
    const linked = draftOf(search);
    setDraft(linked);
    if (search.op && !problemOf(linked)) mutate(linked);
  }, [search, mutate]);
  return (
    <div className="simulator">
      <SimulatorForm
        draft={draft}
        pending={isPending}
        onChange={(part) => setDraft((current) => ({ ...current, ...part }))}
        onAsk={ask}
      />
      <section aria-label="Answer" aria-live="polite" aria-busy={isPending}>
        {isPending && !data && <Skeleton label="Asking the policies" />}
        {error && <ErrorState error={error} />}
        {data && !error && <Answer key={submittedAt} explanation={data} />}
        {!data && !error && !isPending && <NothingAsked />}
      </section>
    </div>
  );
}

/** An answer, brought into view when it comes: the button that asked is far below the verdict. */
function Answer({ explanation }: { explanation: Explanation }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    place.current?.scrollIntoView({ block: 'nearest' });
  }, []);
  return (
    <div ref={place} className="answer">
      <ExplanationView explanation={explanation} />
    </div>
  );
}

function NothingAsked() {
  return (
    <EmptyState title="Who may do what, and why?">
      <p>
        Say who asks for what. The server takes its real decision in a transaction that is undone: nothing is written.
      </p>
    </EmptyState>
  );
}

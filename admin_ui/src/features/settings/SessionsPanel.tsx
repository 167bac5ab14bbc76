import { useMutation, useQuery } from '@tanstack/react-query';
import { revokeOtherSessions, revokeSession } from '../../api/mutations';
import { queryClient, sessionsQuery } from '../../api/queries';
import type { Session } from '../../api/types';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { QueryView } from '../../ui/QueryView';
import { Table, type Column } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { toast, toastError } from '../../ui/Toast';

const answer = {
  onSuccess: () => {
    toast({ tone: 'good', title: 'Signed out there' });
    void queryClient.invalidateQueries({ queryKey: sessionsQuery.queryKey });
  },
  onError: (error: Error) => toastError('The session was not ended', error),
};

/** Who is signed in here, and a way to sign them out. */
export function SessionsPanel() {
  const query = useQuery(sessionsQuery);
  const revoke = useMutation({ mutationFn: revokeSession, ...answer });
  const revokeOthers = useMutation({ mutationFn: revokeOtherSessions, ...answer });
  const isBusy = revoke.isPending || revokeOthers.isPending;
  const columns: readonly Column<Session>[] = [
    ...COLUMNS,
    {
      id: 'revoke',
      header: 'Actions',
      headerHidden: true,
      width: '6.875rem',
      cell: ({ id, is_current }) =>
        is_current ? (
          <Badge tone="good">this one</Badge>
        ) : (
          <Button busy={isBusy} onClick={() => revoke.mutate(id)}>
            Sign out
          </Button>
        ),
    },
  ];
  return (
    <div className="stack settings-panel">
      <QueryView query={query} loading="Loading sessions">
        {(sessions) => (
          <>
            <Table label="Sessions" columns={columns} rows={sessions} rowKey={(session) => session.id} />
            {sessions.length > 1 && (
              <div>
                <Button tone="danger" busy={isBusy} onClick={() => revokeOthers.mutate()}>
                  Sign out all others
                </Button>
              </div>
            )}
          </>
        )}
      </QueryView>
    </div>
  );
}

const COLUMNS: readonly Column<Session>[] = [
  {
    id: 'who',
    header: 'Who',
    width: 'minmax(5rem, 1fr)',
    cell: ({ role, sub }) => <span title={sub ?? role}>{sub ? `${role} ${sub}` : role}</span>,
  },
  {
    id: 'agent',
    header: 'Browser',
    width: 'minmax(7.5rem, 2fr)',
    wideOnly: true,
    cell: ({ user_agent }) => <span title={user_agent}>{user_agent}</span>,
  },
  { id: 'address', header: 'Address', width: '7.5rem', wideOnly: true, cell: ({ address }) => address ?? '-' },
  { id: 'seen', header: 'Last seen', width: 'minmax(5rem, 11.875rem)', cell: ({ last_seen_at }) => <Time at={last_seen_at} /> },
  {
    id: 'ends',
    header: 'Ends',
    width: '11.875rem',
    wideOnly: true,
    cell: ({ idle_expires_at, expires_at }) => <Time at={earlier(idle_expires_at, expires_at)} />,
  },
];

function earlier(idle: string, end: string | null): string {
  return end !== null && end < idle ? end : idle;
}

import { useEffect, useState } from 'react';
import { Badge } from '../../ui/Badge';
import type { Connection } from './stream';

export function ConnectionState({ connection }: { connection: Connection }) {
  return <span role="status">{badgeOf(connection)}</span>;
}

function badgeOf(connection: Connection) {
  switch (connection.state) {
    case 'connecting':
      return <Badge>Connecting…</Badge>;
    case 'live':
      return <Badge tone="good">Live</Badge>;
    case 'waiting':
      return <Countdown until={connection.until} />;
    case 'ended':
      return <Badge tone="danger">Ended: sign in again</Badge>;
  }
}

function Countdown({ until }: { until: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(1, Math.ceil((until - now) / 1_000));
  return (
    <Badge tone="warn">
      Reconnecting<span aria-hidden> in {seconds} s</span>
    </Badge>
  );
}

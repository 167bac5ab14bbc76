import { Link, useRouterState } from '@tanstack/react-router';
import { Activity, Box, Gauge, ListChecks, Settings, ShieldCheck, type LucideIcon } from 'lucide-react';
import { useSession } from '../api/queries';
import { Icon } from '../ui/Icon';

export interface Place {
  to: '/' | '/policies' | '/policies/simulator' | '/events' | '/jobs' | '/metrics' | '/settings';
  label: string;
  icon: LucideIcon;
  serviceOnly?: boolean;
}

const PLACES: readonly Place[] = [
  { to: '/', label: 'Buckets', icon: Box },
  { to: '/policies', label: 'Policies', icon: ShieldCheck, serviceOnly: true },
  { to: '/events', label: 'Events', icon: Activity },
  { to: '/jobs', label: 'Jobs', icon: ListChecks },
  { to: '/metrics', label: 'Metrics', icon: Gauge, serviceOnly: true },
  { to: '/settings', label: 'Settings', icon: Settings },
];

/** Return the pages that the one who is signed in can use. */
export function usePlaces(): readonly Place[] {
  const session = useSession();
  return PLACES.filter((place) => !place.serviceOnly || session?.is_service);
}

interface NavProps {
  open: boolean;
  onChoose: () => void;
}

export function Nav({ open, onChoose }: NavProps) {
  const places = usePlaces();
  const inBucket = useRouterState({ select: (state) => state.location.pathname.startsWith('/buckets/') });
  return (
    <nav id="nav" className="nav" aria-label="Main" data-open={open}>
      {places.map(({ to, label, icon }) => (
        <Link key={to} to={to} className={to === '/' && inBucket ? 'nav-link here' : 'nav-link'} onClick={onChoose} activeOptions={{ exact: to === '/', includeSearch: false }}>
          <Icon of={icon} />
          {label}
        </Link>
      ))}
    </nav>
  );
}

import { useNavigate } from '@tanstack/react-router';
import { CircleUser, Keyboard, LogOut, Settings } from 'lucide-react';
import { forgetSession, signOut } from '../api/mutations';
import type { Session } from '../api/types';
import { IconButton } from '../ui/Button';
import { Menu } from '../ui/Menu';
import { toastError } from '../ui/Toast';

interface AccountMenuProps {
  session: Session;
  onHelp: () => void;
}

export function AccountMenu({ session, onHelp }: AccountMenuProps) {
  const navigate = useNavigate();
  const leave = async () => {
    try {
      await signOut();
      await navigate({ to: '/login', search: {} });
      forgetSession();
    } catch (error) {
      toastError('You are still signed in', error);
    }
  };
  return (
    <Menu
      trigger={<IconButton icon={CircleUser} label="Account" />}
      label={
        <>
          Signed in as <strong>{session.role}</strong>
          {session.sub && <bdi className="mono"> {session.sub}</bdi>}
        </>
      }
      groups={[
        [
          { label: 'Settings', icon: Settings, onSelect: () => void navigate({ to: '/settings' }) },
          { label: 'Keyboard help', icon: Keyboard, keys: '?', onSelect: onHelp },
        ],
        [{ label: 'Sign out', icon: LogOut, onSelect: () => void leave() }],
      ]}
    />
  );
}

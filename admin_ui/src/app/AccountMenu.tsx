import { useNavigate } from '@tanstack/react-router';
import { CircleUser, Keyboard, LogOut, Settings } from 'lucide-react';
import { useState } from 'react';
import { addressOf } from '../api/client';
import { signOut } from '../api/mutations';
import type { Session } from '../api/types';
import { forgetUploads, stopUploads, uploadsLeft } from '../features/uploads/activity';
import { formatCount } from '../lib/format';
import { IconButton } from '../ui/Button';
import { Confirm } from '../ui/Confirm';
import { Menu } from '../ui/Menu';
import { toastError } from '../ui/Toast';
import { leaveFor, wouldLose } from './leaving';

interface AccountMenuProps {
  session: Session;
  onHelp: () => void;
}

export function AccountMenu({ session, onHelp }: AccountMenuProps) {
  const navigate = useNavigate();
  const [isAsking, setIsAsking] = useState(false);
  const askOrLeave = () => {
    if (uploadsLeft() > 0 || wouldLose()) setIsAsking(true);
    else void leave();
  };
  const confirm = () => {
    setIsAsking(false);
    void leave();
  };
  return (
    <>
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
          [{ label: 'Sign out', icon: LogOut, onSelect: askOrLeave }],
        ]}
      />
      {isAsking && <ConfirmLeaving onConfirm={confirm} onClose={() => setIsAsking(false)} />}
    </>
  );
}

function ConfirmLeaving(answers: { onConfirm: () => void; onClose: () => void }) {
  const uploads = uploadsLeft();
  return (
    <Confirm title="Sign out all the same?" submitLabel="Sign out" {...answers}>
      {uploads > 0 ? (
        <p>
          {uploads === 1
            ? 'One upload has not ended. It is stopped, and what was sent of it is dropped.'
            : `${formatCount(uploads)} uploads have not ended. They are stopped, and what was sent of them is dropped.`}
        </p>
      ) : (
        <p>Something on this page is not saved or not done yet. It will be lost.</p>
      )}
    </Confirm>
  );
}

async function leave(): Promise<void> {
  try {
    await stopUploads();
    await signOut();
    forgetUploads();
    // Another page: nothing that this one knows is left for whoever signs in next.
    leaveFor(addressOf('login'));
  } catch (error) {
    toastError('You are still signed in', error);
  }
}

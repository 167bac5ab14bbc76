import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { Menu as MenuIcon, Search } from 'lucide-react';
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { useSession } from '../api/queries';
import { Button, IconButton } from '../ui/Button';
import { Toasts } from '../ui/Toasts';
import { Nav } from './Nav';
import { OfflineBanner } from './OfflineBanner';
import { SessionGuard } from './SessionGuard';
import { ThemeButton } from './ThemeButton';
import { UploadIndicator, Uploads } from './Uploads';
import { useGlobalKeys, type Overlay } from './useGlobalKeys';
import { Work } from './Work';
import './shell.css';

const AccountMenu = lazy(() => import('./AccountMenu').then((module) => ({ default: module.AccountMenu })));
const CommandPalette = lazy(() => import('./CommandPalette').then((module) => ({ default: module.CommandPalette })));
const KeyHelp = lazy(() => import('./KeyHelp').then((module) => ({ default: module.KeyHelp })));

/** What is around every page of somebody who is signed in. */
export function Shell() {
  const [overlay, setOverlay] = useState<Overlay | null>(null);
  useGlobalKeys(setOverlay);
  useEffect(refuseStrayFiles, []);
  useFocusOnNewPage();
  const close = () => setOverlay(null);
  return (
    <div className="shell">
      <SkipLink />
      <Header onOverlay={setOverlay} />
      <OfflineBanner />
      <main id="main" className="page" tabIndex={-1}>
        <Work />
        <Outlet />
      </main>
      <Uploads />
      <Toasts />
      <SessionGuard />
      <Suspense>
        {overlay === 'palette' && <CommandPalette onClose={close} onHelp={() => setOverlay('help')} />}
        {overlay === 'help' && <KeyHelp onClose={close} />}
      </Suspense>
    </div>
  );
}

/** Keys need a place to begin on a new page when what had the focus went with the old one. */
function useFocusOnNewPage(): void {
  const page = useRouterState({ select: (state) => state.matches.at(-1)?.id });
  const shown = useRef(page);
  useEffect(() => {
    if (shown.current === page) return;
    shown.current = page;
    if (document.activeElement === document.body) document.getElementById('main')?.focus({ preventScroll: true });
  }, [page]);
}

/** A file that misses its place must not be opened in place of the page. */
function refuseStrayFiles(): () => void {
  const refuse = (event: DragEvent) => {
    if (event.defaultPrevented || !event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'none';
  };
  window.addEventListener('dragover', refuse);
  window.addEventListener('drop', refuse);
  return () => {
    window.removeEventListener('dragover', refuse);
    window.removeEventListener('drop', refuse);
  };
}

/** A button, not a link: with `<base>` a fragment would be an address of another page. */
function SkipLink() {
  return (
    <button type="button" className="skip-link button" onClick={() => document.getElementById('main')?.focus()}>
      Skip to the content
    </button>
  );
}

function Header({ onOverlay }: { onOverlay: (overlay: Overlay) => void }) {
  const [navOpen, setNavOpen] = useState(false);
  const session = useSession();
  return (
    <>
      <header className="header">
        <IconButton
          className="nav-toggle"
          icon={MenuIcon}
          label="Navigation"
          aria-expanded={navOpen}
          aria-controls="nav"
          onClick={() => setNavOpen(!navOpen)}
        />
        <Link to="/" className="brand">
          aerostore
        </Link>
        <span className="host muted small truncate grow">{location.host}</span>
        <Button icon={Search} className="palette-button" onClick={() => onOverlay('palette')}>
          <span className="palette-words">
            Go to… <kbd>Ctrl K</kbd>
          </span>
        </Button>
        <UploadIndicator />
        <ThemeButton />
        <Suspense fallback={<span className="account-space" />}>
          {session && <AccountMenu session={session} onHelp={() => onOverlay('help')} />}
        </Suspense>
      </header>
      <Nav open={navOpen} onChoose={() => setNavOpen(false)} />
    </>
  );
}

import './ui/tokens.css';
import './ui/base.css';
import './ui/controls.css';
import './ui/overlay.css';
import './ui/data.css';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { setNonce } from 'get-nonce';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { onUnreachable } from './api/client';
import { queryClient } from './api/queries';
import { noteUnreachable } from './api/reach';
import { watchLeaving } from './app/leaving';
import { buildRouter } from './app/router';
import { loadPreferences } from './ui/preferences';

// Dialogs add a style element to lock scrolling; the page's Content-Security-Policy wants its nonce on it.
const nonce = document.querySelector<HTMLMetaElement>('meta[name=csp-nonce]')?.content;
if (nonce) setNonce(nonce);

// It is relative to the address that the page came from; a browser that resolves it anew after a change of page, as
// some extensions and recorders make it do, would look elsewhere.
const base = document.querySelector('base');
if (base) base.href = document.baseURI;

loadPreferences();
watchLeaving();
onUnreachable(() => void noteUnreachable());
const root = document.getElementById('root');
if (!root) throw new Error('index.html has no element #root');

createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={buildRouter()} />
    </QueryClientProvider>
  </StrictMode>,
);

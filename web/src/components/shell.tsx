import { useRef, useState, type MouseEvent, type ReactNode } from 'react';
import { useConsole } from '../console';
import type { Route } from '../lib/route';
import { Button } from './button';
import { ConnectionBanner } from './connection-banner';
import { Icon } from './icon';
import { Mark } from './mark';
import { Nav } from './nav';
import { ThemeToggle } from './theme-toggle';

/** What surrounds every page: the way around at the left, the page at the right. */
export function Shell({ route, children }: { route: Route; children: ReactNode }) {
  const [menuOpen, setMenuOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const skip = (event: MouseEvent) => {
    // The fragment is the page's address, so the link may not change it.
    event.preventDefault();
    main.current?.focus();
  };
  return (
    <div className="shell">
      <a className="skip-link" href="#main" onClick={skip}>Skip to the page</a>
      <aside className={`sidebar ${menuOpen ? 'sidebar-open' : ''}`} aria-label="Console">
        <div className="brand">
          <Mark />
          <span>Backplane</span>
          <button
            type="button"
            className="icon-button menu-button"
            aria-expanded={menuOpen}
            aria-controls="menu"
            aria-label="Menu"
            onClick={() => setMenuOpen(!menuOpen)}
          >
            <Icon name={menuOpen ? 'close' : 'menu'} />
          </button>
        </div>
        <div className="menu" id="menu">
          <Nav route={route} onNavigate={() => setMenuOpen(false)} />
          <SidebarFoot />
        </div>
      </aside>
      <main id="main" ref={main} tabIndex={-1}>
        <ConnectionBanner />
        {children}
      </main>
    </div>
  );
}

function SidebarFoot() {
  const { mode, namespace, version, signOut } = useConsole();
  return (
    <div className="sidebar-foot">
      <dl className="facts">
        {namespace && (
          <div>
            <dt>Namespace</dt>
            <dd>{namespace}</dd>
          </div>
        )}
        <div>
          <dt>Mode</dt>
          <dd>{mode}</dd>
        </div>
        {version && (
          <div>
            <dt>Version</dt>
            <dd>{version}</dd>
          </div>
        )}
      </dl>
      <div className="sidebar-actions">
        {mode === 'serve' && <Button kind="quiet" onClick={signOut}>Sign out</Button>}
        <ThemeToggle />
      </div>
    </div>
  );
}

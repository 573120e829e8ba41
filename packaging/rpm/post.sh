if ! getent passwd plimsoll-agent >/dev/null; then
    useradd --system --user-group --home-dir /var/lib/plimsoll-agent --shell /sbin/nologin plimsoll-agent
fi
install -d -m 0700 -o plimsoll-agent -g plimsoll-agent /var/lib/plimsoll-agent
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable plimsoll-launcher.service plimsoll-helper.service plimsoll-agent.service
    systemctl restart plimsoll-launcher.service plimsoll-helper.service plimsoll-agent.service
fi
exit 0

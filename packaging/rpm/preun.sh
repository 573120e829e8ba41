# 0 is the last removal; an upgrade passes 1.
if [ "$1" = 0 ] && [ -d /run/systemd/system ]; then
    systemctl disable --now plimsoll-agent.service plimsoll-helper.service plimsoll-launcher.service
fi
exit 0

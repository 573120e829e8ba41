# Run inside a fresh root of Debian: makes a repository of two packages in two
# versions, signed, and a root that knows no packaging system but rpm.
set -e
export HOME=/root GNUPGHOME=/root/lab-key LC_ALL=C.UTF-8
work=/root/build repository=/srv/repository
mkdir -p -m 700 "$GNUPGHOME"
mkdir -p "$work" "$repository" /etc/pki/rpm-gpg
gpg --batch --quiet --passphrase '' --quick-generate-key 'Plimsoll lab' rsa3072 sign never
gpg --batch --armor --export > /etc/pki/rpm-gpg/lab.asc
build() {
  cat > "$work/$1.spec" <<SPEC
Name: $1
Version: $2
Release: 1
Summary: Something of the lab to be patched
License: Apache-2.0
BuildArch: noarch
$3
%description
A package of the lab's own.
%install
mkdir -p %{buildroot}/usr/share/$1
echo $2 > %{buildroot}/usr/share/$1/version
%files
/usr/share/$1
$4
SPEC
  rpmbuild --quiet --define "_topdir $work" --define "_build_id_links none" -bb "$work/$1.spec"
}
build drill-library 1.0 '' ''
build drill-service 1.0 'Requires: drill-library >= 1.0' ''
# Takes its time as a migration would, so that power can be cut meanwhile.
build drill-library 1.1 '' '%post -p <lua>
posix.sleep(6)'
build drill-service 1.1 'Requires: drill-library >= 1.1' ''
find "$work/RPMS" -name '*.rpm' -exec cp -t "$repository" {} +
rpmsign --define '_gpg_name Plimsoll lab' --define '__gpg /usr/bin/gpg' --addsign "$repository"/*.rpm > /dev/null
createrepo_c --quiet "$repository"
cat > "$work/updateinfo.xml" <<NOTICE
<updates><update from="lab" status="final" type="security" version="1"><id>DRILL-2026:0001</id><title>drill-library</title>
<issued date="2026-01-01 00:00:00"/><updated date="2026-01-01 00:00:00"/><severity>Critical</severity><description>A drill.</description><references/>
<pkglist><collection short="lab"><name>lab</name>
<package name="drill-library" version="1.1" release="1" epoch="0" arch="noarch"><filename>drill-library-1.1-1.noarch.rpm</filename></package>
<package name="drill-service" version="1.1" release="1" epoch="0" arch="noarch"><filename>drill-service-1.1-1.noarch.rpm</filename></package>
</collection></pkglist></update></updates>
NOTICE
modifyrepo_c "$work/updateinfo.xml" "$repository/repodata" > /dev/null
gpg --batch --quiet --armor --detach-sign "$repository/repodata/repomd.xml"
mkdir -p /etc/yum.repos.d /etc/dnf/vars
printf '[lab]\nname=lab\nbaseurl=file:///srv/repository\ngpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/lab.asc\n' > /etc/yum.repos.d/lab.repo
echo 9 > /etc/dnf/vars/releasever
rm -f /etc/os-release
printf 'NAME="Plimsoll lab"\nPRETTY_NAME="Plimsoll lab (rpm and dnf of Debian)"\nID=almalinux\nID_LIKE="rhel centos fedora"\nVERSION_ID=9.4\nPLATFORM_ID=platform:el9\n' > /etc/os-release
mkdir -p /etc/rpm
printf '%%_dbpath /var/lib/rpm\n' > /etc/rpm/macros
rpm --initdb
rpm --import /etc/pki/rpm-gpg/lab.asc
dnf -y -q install drill-library-1.0 drill-service-1.0
dnf -q mark remove drill-library
dnf -q check-update || test $? = 100
rm -rf "$work" "$GNUPGHOME" /var/log/dnf*.log /var/log/hawkey.log
rm -rf /var/lib/dpkg /var/lib/apt /var/cache/apt /usr/bin/apt /usr/bin/apt-get /usr/bin/apt-cache /usr/bin/dpkg /usr/bin/dpkg-query /etc/apt
